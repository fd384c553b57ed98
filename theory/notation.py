"""Every symbol of the theory once: name, domain, unit, look and meaning.

The ASCII name is the keyword by which callers pass a value, the name of the simulator's metric where there is one, and
the name of the sympy symbol. Units are powers of [loss] and [theta]: a bound whose two sides scale differently under
theta -> theta / s is wrong, whatever the numbers say.
"""

from dataclasses import dataclass

import numpy as np
import sympy

from theory.errors import require

DOMAINS = {  # name: (what a value must be, assumptions of the sympy symbol, test of an array)
    "real": ("a finite number", {"real": True}, np.isfinite),
    "positive": ("> 0", {"positive": True}, lambda x: np.isfinite(x) & (x > 0)),
    "nonnegative": (">= 0", {"nonnegative": True}, lambda x: np.isfinite(x) & (x >= 0)),
    "rate": ("in (0, 1]", {"positive": True}, lambda x: (x > 0) & (x <= 1)),
    "ratio": ("in [0, 1]", {"nonnegative": True}, lambda x: (x >= 0) & (x <= 1)),
    "count": ("a positive integer", {"positive": True, "integer": True}, lambda x: (x >= 1) & (x == np.floor(x))),
}


@dataclass(frozen=True)
class Symbol:
    """One quantity: `latex` ending in ^2 marks a square, so that its root prints without a radical; a sum of squares is
    none.

    `random` marks quantities of one trajectory; a bound about such a quantity speaks of its expectation.
    """

    name: str
    latex: str
    domain: str
    loss: int
    theta: int
    meaning: str
    random: bool = False

    @property
    def sympy(self):
        return sympy.Symbol(self.name, **DOMAINS[self.domain][1])

    @property
    def look(self):
        """The expression that stands for the symbol when a formula is printed."""
        if self.latex.endswith("^2") and not self.latex.startswith((r"\sum", r"\frac", r"\mathbb")):
            return sympy.Symbol(self.latex.removesuffix("^2"), nonnegative=True) ** 2
        return sympy.Symbol(self.latex, **DOMAINS[self.domain][1])

    @property
    def unit(self):
        return (self.loss, self.theta)


_SYMBOLS = (
    # the run
    Symbol("agents", "m", "count", 0, 0, "number of agents, also the number of nodes of a topology"),
    Symbol("steps", "T", "positive", 0, 0, "number of steps"),
    Symbol("lr", r"\eta", "positive", -1, 2, "learning rate"),
    Symbol("epsilon", r"\varepsilon", "positive", 2, -2, "target for the mean of the squared gradient norms"),
    Symbol("initial_gap", r"\Delta", "nonnegative", 1, 0, "global loss of the initial model minus its infimum"),
    Symbol("period", r"\tau", "count", 0, 0, "steps from one gossip to the next"),
    Symbol("initial_distance_sq", r"\|\bar{\theta}_{0}-\theta^{\star}\|^2", "nonnegative", 0, 2,
           "squared distance of the initial model to the minimizer of the global loss"),
    # the problem
    Symbol("sigma", r"\sigma", "nonnegative", 1, -1, "root of the bound on the mean variance of the noise"),
    Symbol("zeta", r"\zeta", "nonnegative", 1, -1, "bound on the diversity of the agents' gradients"),
    Symbol("phi", r"\phi", "nonnegative", 1, -1, "bound on the root mean square local gradient"),
    Symbol("L1", "L_{1}", "positive", 1, -1, "bound on the gradient norm of the global loss"),
    Symbol("L2", "L_{2}", "positive", 1, -2, "bound on the Hessian norm of the global loss, its smoothness"),
    Symbol("L3", "L_{3}", "nonnegative", 1, -3, "bound on the norm of the third derivative of the global loss"),
    Symbol("L4", "L_{4}", "nonnegative", 1, -4, "bound on the norm of the fourth derivative of the global loss"),
    Symbol("L_local", r"L_{\mathrm{loc}}", "positive", 1, -2, "smoothness of every agent's own loss"),
    Symbol("mu", r"\mu", "positive", 1, -2, "strong convexity of every agent's own loss"),
    Symbol("neighborhood_heterogeneity", r"\bar{\tau}", "nonnegative", 1, -1,
           "root of the bound on the mean square gap of gossiped sample gradients to the mean of all of them"),
    Symbol("ell", r"\ell", "positive", 0, 0, "cap on the learning rate times L2"),
    # the topology
    Symbol("p", "p", "rate", 0, 0, "consensus rate: E|Theta W - mean|^2 <= (1 - p)|Theta - mean|^2"),
    Symbol("slem", r"\lambda", "ratio", 0, 0, "second largest modulus of the eigenvalues of a mixing matrix"),
    Symbol("one_minus_slem", r"(1-\lambda)", "ratio", 0, 0, "one minus slem, without the subtraction"),
    Symbol("rows", "a", "count", 0, 0, "rows of a torus"),
    Symbol("cols", "b", "count", 0, 0, "columns of a torus"),
    Symbol("noise_gain", "S", "nonnegative", 0, 0, "sup_t (1/m) sum_k |W_t ... W_(t-k+1) - J|_F^2"),
    Symbol("drift_gain", "R", "nonnegative", 0, 0, "sup_t sum_k |W_t ... W_(t-k+1) - J|_2"),
    Symbol("uneven_gain", "S_{1}", "nonnegative", 0, 0, "sup_t sum_k max_j |column j of W_t ... W_(t-k+1) - J|^2"),
    Symbol("correlated_gain", "S_{2}", "nonnegative", 0, 0, "sup_t sum_k |W_t ... W_(t-k+1) - J|_2^2"),
    Symbol("contraction", r"\|W-J\|", "ratio", 0, 0, "largest spectral norm of W_t - J over the rounds"),
    Symbol("neighborhood_zeta", r"\zeta_{W}", "nonnegative", 1, -1,
           "bound on |(W_t - J) grad|_F/sqrt(m) of the agents' gradients at one model, without noise"),
    Symbol("initial_consensus_distance", r"\Xi_{0}^2", "nonnegative", 0, 2, "consensus_distance of the initial models"),
    # the state of a run
    Symbol("consensus_distance", r"\Xi_{t}^2", "nonnegative", 0, 2, "mean over agents of |theta_k - mean|^2", True),
    Symbol("next_consensus_distance", r"\Xi_{t+1}^2", "nonnegative", 0, 2, "consensus_distance one step later", True),
    Symbol("critical_consensus_distance", r"\Gamma_{t}^2", "nonnegative", 0, 2,
           "consensus distance below which the merged model keeps the rate of parallel SGD", True),
    Symbol("local_gradient_norm_sq", r"\phi_{t}^2", "nonnegative", 2, -2, "mean of |grad L_k(theta_k)|^2", True),
    Symbol("merged_loss", r"L(\bar{\theta}_{t})", "real", 1, 0, "global loss of the merged model", True),
    Symbol("next_merged_loss", r"L(\bar{\theta}_{t+1})", "real", 1, 0, "merged_loss one step later", True),
    Symbol("gradient_norm_sq", r"\|\nabla L(\bar{\theta}_{t})\|^2", "nonnegative", 2, -2,
           "squared norm of the global gradient at the merged model", True),
    Symbol("gradient_norm_sq_mean", r"\frac{1}{T}\sum_{t<T}\mathbb{E}\,\|\nabla L(\bar{\theta}_{t})\|^2",
           "nonnegative", 2, -2, "mean over the steps of the expected gradient_norm_sq"),
    Symbol("loss_gap_mean", r"\frac{1}{T}\sum_{t<T}\mathbb{E}\,L(\bar{\theta}_{t})-L^{\star}", "nonnegative", 1, 0,
           "mean over the steps of the expected global loss of the merged model, minus its infimum"),
    Symbol("final_distance_sq", r"\|\bar{\theta}_{T}-\theta^{\star}\|^2", "nonnegative", 0, 2,
           "squared distance of the merged model after the last step to the minimizer of the global loss", True),
    Symbol("discrepancy_norm_sq", r"\|e_{t}\|^2", "nonnegative", 2, -2,
           "|e|^2, e = mean of the local gradients minus the global gradient at the merged model", True),
    Symbol("discrepancy_inner", r"\langle\nabla L(\bar{\theta}_{t}),e_{t}\rangle", "real", 2, -2, "grad L . e", True),
    # the implicit terms of the paper
    Symbol("T2", r"g^{\top}\nabla\mathrm{Tr}(\nabla^{2}L\,\Gamma)", "real", 2, -2,
           "global gradient times the gradient of Tr(Hessian times Gamma), at the merged model", True),
    Symbol("U", "U^{(t)}", "real", 2, -2, "what gossip adds to the descent, divided by the learning rate", True),
    Symbol("U_mean", r"\overline{U}", "real", 2, -2, "mean over the steps of the expected U"),
    Symbol("U_sum", r"\sum_{t<T}U^{(t)}", "real", 2, -2, "sum over the steps of U"),
    Symbol("descent_remainder", r"\mathcal{O}(\Xi_{t}^{3})", "real", 1, 0, "third order of the descent"),
    # targets, tuning and totals
    Symbol("loss_target", r"\varepsilon_{L}", "positive", 1, 0, "target for the mean loss gap"),
    Symbol("norm_target", r"\varepsilon_{g}", "positive", 1, -1, "target for the expected gradient norm, not squared"),
    Symbol("distance_target", r"\varepsilon_{\theta}", "positive", 0, 2,
           "target for the mean squared distance of the agents to the minimizer"),
    Symbol("tuned_rate", r"\min_{\eta\leq1/d}\left(\frac{r}{\eta T}+b_{\sigma}\eta+e\eta^{2}\right)", "nonnegative",
           2, -2, "a rate at its best learning rate"),
    Symbol("rate_start", "r", "nonnegative", 1, 0, "factor of 1/(lr steps) in a rate"),
    Symbol("rate_noise", r"b_{\sigma}", "nonnegative", 3, -4, "factor of lr in a rate"),
    Symbol("rate_network", "e", "nonnegative", 4, -6, "factor of lr^2 in a rate"),
    Symbol("rate_cap", "d", "positive", 1, -2, "inverse of the largest learning rate that a rate allows"),
    Symbol("lr_scale", r"\tilde{D}", "positive", 0, 1, "scale of a learning rate lr_scale sqrt(agents/steps)/sigma"),
    Symbol("lr_sum", r"\sum_{t}\eta_{t}", "positive", -1, 2, "sum of the learning rates over the steps"),
    Symbol("lr_square_sum", r"\sum_{t}\eta_{t}^{2}", "positive", -2, 4, "sum of their squares"),
    Symbol("lr_max", r"\eta_{\max}", "positive", -1, 2, "largest learning rate of a run"),
    Symbol("transient_steps", r"T_{\mathrm{trans}}", "nonnegative", 0, 0,
           "steps after which the network no longer shows in the rate"),
    Symbol("network_steps", r"T_{\mathrm{net}}", "nonnegative", 0, 0,
           "the part of the steps to a target that the network adds"),
    Symbol("gradient_norm_sq_weighted", r"\mathbb{E}\,\|\nabla L(\bar{\theta}_{R})\|^2", "nonnegative", 2, -2,
           "expected gradient_norm_sq at a random step R of probability proportional to 2 lr - L2 lr^2"),
    # samples
    Symbol("samples", "N", "count", 0, 0, "number of samples, of one agent or of all as the statement says"),
    Symbol("batch", "B", "count", 0, 0, "gradients in a mini-batch, of one agent or of all as the statement says"),
    Symbol("batches", r"\mathcal{B}", "count", 0, 0, "mini-batches in a stream of samples"),
    Symbol("latency", r"\mu_{\mathrm{lat}}", "nonnegative", 0, 0, "samples that arrive while agents communicate"),
    Symbol("radius", "D", "positive", 0, 1, "root of half the largest squared distance inside the domain"),
    Symbol("regret", r"\sum_{j}f(w_{j},z_{j})-f(w^{\star},z_{j})", "real", 1, 0,
           "sum over the samples of the loss before the step minus that of the best fixed model", True),
    Symbol("lipschitz", "G", "nonnegative", 1, -1, "bound on the gradient norm of every single sample's loss"),
    Symbol("generalization_gap", r"|L-L_{S}|", "nonnegative", 1, 0,
           "population loss minus training loss of the merged model"),
    Symbol("stability", r"\epsilon_{\mathrm{stab}}", "nonnegative", 0, 0,
           "how far the model moves when one sample is replaced, on average"),
    Symbol("holder", r"\alpha", "rate", 0, 0, "Hoelder exponent of the gradients"),
    Symbol("failure_probability", r"\delta", "rate", 0, 0, "probability with which a statement may fail"),
    Symbol("useful_agents", r"m_{\max}", "nonnegative", 0, 0,
           "number of agents beyond which the statistical rate of all samples is lost"),
    # quadratics and modes of disagreement
    Symbol("curvature", "h", "positive", 1, -2, "the one curvature of all agents' quadratic losses"),
    Symbol("agent_distance_sq", r"\frac{1}{m}\sum_{k}\|\theta_{k}-\theta^{\star}\|^2", "nonnegative", 0, 2,
           "mean over the agents of the squared distance to the minimizer of the global loss", True),
    Symbol("local_variance", r"\frac{1}{m}\sum_{k}\mathrm{Var}\,\theta_{k}", "nonnegative", 0, 2,
           "stationary variance of a model, mean over the agents"),
    Symbol("merged_bias_sq", r"\|\mathbb{E}\,\bar{\theta}-\theta^{\star}\|^2", "nonnegative", 0, 2,
           "squared distance of the stationary mean of the merged model to the minimizer of the global loss"),
    Symbol("curvature_spread", "s_{h}", "nonnegative", 1, -2,
           "standard deviation over the agents of the curvatures of their quadratic losses"),
    Symbol("weighted_spread_sq", r"\sum_{k}\pi_{k}\|\theta_{k}-\pi^{\top}\Theta\|^2", "nonnegative", 0, 2,
           "weighted mean over the agents of their squared distance to the weighted mean model"),
    Symbol("next_weighted_spread_sq", r"\sum_{k}\pi_{k}\|(W\Theta)_{k}-\pi^{\top}\Theta\|^2", "nonnegative", 0, 2,
           "weighted_spread_sq after one round of gossip"),
    Symbol("mode_variance", r"\mathrm{Var}\,u_{i}^{\top}\Theta", "nonnegative", 0, 2,
           "stationary variance along one unit eigenvector of the mixing matrix"),
    Symbol("mode_gap", r"(1-\lambda_{i})", "nonnegative", 0, 0, "one minus an eigenvalue of a symmetric mixing matrix"),
    Symbol("damping", r"\gamma", "rate", 0, 0, "damping of gossip: (1 - damping) I + damping W"),
    Symbol("damping_power", "q", "nonnegative", 0, 0, "power of the learning rate with which the damping falls"),
    Symbol("gossip_noise", r"\frac{1}{m}\,\|(W-J)\,\mathrm{noise}\|_{F}^2", "nonnegative", 2, -2,
           "noise that one round of gossip leaves, mean over the agents", True),
    Symbol("one_round_gain", "s", "nonnegative", 0, 0, "(1/m)|W - J|_F^2 = (1/m) sum_(i>=2) lambda_i^2"),
    # topologies for the data, periods, hops
    Symbol("label_skew", "g(W)", "nonnegative", 0, 0,
           "(1/m)|W P - mean of P|_F^2 + (regularizer/m)|W - J|_F^2, P[k, c] = share of label c at agent k"),
    Symbol("regularizer", r"\lambda_{\mathrm{reg}}", "nonnegative", 0, 0, "weight of the noise in label_skew"),
    Symbol("permutations", "l", "count", 0, 0, "permutations in a mixing matrix, at least its largest in-degree"),
    Symbol("global_period", "H", "count", 0, 0, "steps from one exact average of all agents to the next"),
    Symbol("period_sum", r"C_{\lambda}", "positive", 0, 0, "sum of slem^k, k = 0 ... global_period - 1"),
    Symbol("period_depth", r"D_{\lambda}", "positive", 0, 0, "min(global_period, 1/(1 - slem))"),
    Symbol("reach", "A", "count", 0, 0, "agents that a sequence of k-peer rounds averages over, (k + 1)^rounds"),
    Symbol("frequency", "i", "count", 0, 0, "frequency of a Fourier mode over the agents"),
    Symbol("product_modulus", r"|\hat{\Phi}_{i}|", "ratio", 0, 0,
           "modulus of an eigenvalue of the product of the rounds of a period"),
    Symbol("diameter", r"\mathrm{diam}", "count", 0, 0, "diameter of the graph"),
    Symbol("zeta_start", r"\zeta_{0}", "positive", 1, -1, "diversity of the agents' gradients at the first model"),
    Symbol("gossip_rounds", "K", "nonnegative", 0, 0, "rounds of gossip after one step"),
    # bias-corrected gossip (D2, exact diffusion)
    Symbol("distance_sq", r"\|\bar{\theta}_{t}-\theta^{\star}\|^2", "nonnegative", 0, 2,
           "squared distance of the merged model to the minimizer of the global loss", True),
    Symbol("next_distance_sq", r"\|\bar{\theta}_{t+1}-\theta^{\star}\|^2", "nonnegative", 0, 2,
           "distance_sq one step later", True),
    Symbol("loss_gap", r"(L(\bar{\theta}_{t})-L^{\star})", "nonnegative", 1, 0,
           "global loss of the merged model minus its infimum", True),
    Symbol("transformed_sq", r"\|\check{z}_{t}\|^2", "nonnegative", 0, 2,
           "sum over eigenvectors u_i, i >= 2, of lazy_i (u_i.theta)^2 + (u_i.(dual - fixed dual))^2 of D2", True),
    Symbol("next_transformed_sq", r"\|\check{z}_{t+1}\|^2", "nonnegative", 0, 2, "transformed_sq one step later", True),
    Symbol("lazy_second", r"\bar{\lambda}_{2}", "rate", 0, 0, "(1 + lambda_2)/2, second largest eigenvalue"),
    Symbol("lazy_last", r"\bar{\lambda}_{n}", "rate", 0, 0, "(1 + lambda_n)/2, smallest eigenvalue"),
    # sharpness
    Symbol("fourth_derivative", r"L^{(4)}", "real", 1, -4, "fourth derivative of a loss of one parameter"),
    Symbol("third_moment", r"\frac{1}{m}\sum_{k}(\theta_{k}-\bar{\theta})^{3}", "real", 0, 3,
           "third central moment of the agents' parameters"),
    Symbol("sam_residual", r"\frac{1}{m}\sum_{k}L'(\theta_{k})-\mathbb{E}_{\epsilon}L'(\bar{\theta}+\epsilon)", "real",
           1, -1, "mean gradient minus the mean gradient under normal noise of the agents' covariance"),
    Symbol("sharpness_penalty", r"\mathbb{E}_{\epsilon}L(\bar{\theta}+\epsilon)-L(\bar{\theta})", "real", 1, 0,
           "what normal noise of the agents' covariance adds to the loss of the merged model", True),
    # windows, momentum, growing noise
    Symbol("window", r"\tau_{w}", "count", 0, 0, "rounds of one window, or of one period of a schedule"),
    Symbol("momentum", r"\beta", "ratio", 0, 0, "momentum of the local steps"),
    Symbol("noise_growth", "M", "nonnegative", 0, 0, "how the variance of the noise grows with |grad L|^2"),
    Symbol("heterogeneity_growth", "P", "nonnegative", 0, 0, "how the local gradients grow with |grad L|^2"),
    Symbol("consensus_distance_mean", r"\frac{1}{T}\sum_{t<T}\mathbb{E}\,\Xi_{t}^2", "nonnegative", 0, 2,
           "mean over the steps of the expected consensus_distance"),
    # effective neighbors (Vogels) and the distances weighted by them
    Symbol("effective_neighbors", "n_{W}", "positive", 0, 0,
           "variance of one noise, cumulated at `decay`, over that of an agent with gossip"),
    Symbol("effective_neighbors_start", "n_{W,0}", "positive", 0, 0, "effective_neighbors at a faster decay"),
    Symbol("decay", r"\gamma_{W}", "ratio", 0, 0, "share of the variance that lasts from one round to the next"),
    Symbol("spectral_dimension", "d_{s}", "positive", 0, 0, "exponent of the eigenvalues near 1, twice over"),
    Symbol("spectral_constant", "c_{s}", "positive", 0, 0, "inverse factor of the eigenvalues near 1"),
    Symbol("sample_smoothness", r"\zeta_{s}", "positive", 1, -2, "smoothness of a sample's loss, averaged by Vogels"),
    Symbol("decrease_rate", "r_{V}", "real", 0, 0, "1 minus the factor of the squared distance in one step"),
    Symbol("direction_gap", r"\beta_{W}", "positive", 0, 0,
           "min over eigenvalues x < 1 of x (1 - decay x^2)/(1 + x)"),
    Symbol("omega", r"\omega", "ratio", 0, 0, "weight of the plain squared distance in lyapunov"),
    Symbol("lyapunov", r"\mathcal{L}_{t}", "nonnegative", 0, 2,
           "(1 - omega) |.|_M^2 + omega |.|^2 of the distance to the fixed point, M of weighted_distance_sq", True),
    Symbol("next_lyapunov", r"\mathcal{L}_{t+1}", "nonnegative", 0, 2, "lyapunov one step later", True),
    Symbol("weighted_distance_sq", r"\|\Theta_{T}-\theta^{\star}\|_{M}^2", "nonnegative", 0, 2,
           "sum over the agents, M = (1 - decay) W^2 (I - decay W^2)^(-1), after the last step", True),
    Symbol("fixed_point_noise_sq", r"\sigma_{F}^2", "nonnegative", 2, -2,
           "variance of the gradients at the fixed point, sum over the agents"),
    Symbol("optimum_noise_sq", r"\sigma_{F\star}^2", "nonnegative", 2, -2,
           "variance of the gradients at the minimizer of the global loss, sum over the agents"),
    Symbol("fixed_point_gradient_sq", r"\|(I-W)^{\dagger}\nabla F\|^2", "nonnegative", 2, -2,
           "local gradients at the fixed point through the pseudo-inverse of I - W, sum over the agents"),
    Symbol("heterogeneity_energy", r"\Delta_{W}^2", "nonnegative", 2, -2,
           "local gradients at the minimizer, squared in the norm of the pseudo-inverse of I - W"),
    Symbol("direction_rate", r"p_{\Delta}", "rate", 0, 0,
           "share of heterogeneity_energy in its norm through the squared pseudo-inverse, at least 1 - lambda_2"),
    # random gossip and optimal weights
    Symbol("peers", "k", "count", 0, 0, "other agents that an agent sends to, or hears, in one round"),
    Symbol("kept_old_mean", r"\alpha_{s}", "nonnegative", 0, 0, "E|theta_+ - old mean|^2 over |theta - mean|^2"),
    Symbol("mean_drift", r"\beta_{s}", "nonnegative", 0, 0, "E|new mean - old mean|^2 over the consensus distance"),
    Symbol("mean_eigenvalue", r"\lambda_{2}(\mathbb{E}W)", "ratio", 0, 0, "second largest eigenvalue of E[W]"),
    Symbol("accuracy", r"\epsilon", "rate", 0, 0, "relative accuracy of an average, or cap on |W - J|_2"),
    Symbol("averaging_time", r"T_{\mathrm{ave}}", "nonnegative", 0, 0,
           "rounds after which |x - mean| < accuracy |x_0| except with probability accuracy"),
    Symbol("rounds_to_average", r"\tau_{J}", "nonnegative", 0, 0, "rounds whose product is J"),
    Symbol("laplacian_gap", r"\mu_{2}", "positive", 0, 0, "smallest eigenvalue of a graph's Laplacian above 0"),
    Symbol("laplacian_max", r"\mu_{\max}", "positive", 0, 0, "largest eigenvalue of a graph's Laplacian"),
    Symbol("edge_weight", "w_{e}", "positive", 0, 0, "weight of every edge of a graph"),
    Symbol("activation", "q_{a}", "rate", 0, 0, "probability with which a matching is drawn in a round"),
    Symbol("basis", "M_{A}", "nonnegative", 0, 0, "shifts in a mixing matrix, repetitions counted"),
)  # fmt: skip
NOTATION = {symbol.name: symbol for symbol in _SYMBOLS}


def symbols(names):
    """The sympy symbols of space separated `names`, as a tuple."""
    known = ", ".join(NOTATION)
    for name in names.split():
        require(name in NOTATION, f"no symbol {name!r} in the notation, which has {known}")
    return tuple(NOTATION[name].sympy for name in names.split())
